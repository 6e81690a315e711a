/* The interface files themselves, byte for byte, as the assembler reads them. The paths are from the top of the tree,
 * where make runs. */
#include "src/wire/wire.h"

#define TEXT_OF(symbol, file)                     \
	__asm__(".pushsection .rodata\n"          \
	        ".globl " #symbol "\n"            \
	        ".hidden " #symbol "\n"           \
	        ".type " #symbol ", %object\n"    \
	        #symbol ":\n"                     \
	        ".incbin \"" file "\"\n"          \
	        ".byte 0\n"                       \
	        ".size " #symbol ", . - " #symbol "\n" \
	        ".popsection\n")

TEXT_OF(wire_interface_description, "src/wire/io.mscg.varlink");
TEXT_OF(wire_service_description, "src/wire/org.varlink.service.varlink");
