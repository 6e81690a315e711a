/* Functions that have no safe use here do not compile. Included before every file by the Makefile. */
#ifndef MSCG_BANNED_H
#define MSCG_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#pragma GCC poison strcpy strcat sprintf vsprintf atoi atol atoll gets strtok
#endif
