/* touch_mib N [SECONDS]: writes to every page of N MiB of anonymous memory, says so, and holds it for SECONDS. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) << 20;
	char  *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	printf("touched %zu\n", size);
	fflush(stdout);
	if (argc > 2)
		usleep((useconds_t)(strtod(argv[2], NULL) * 1e6));
	return 0;
}
