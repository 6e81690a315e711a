/* exit_with CODE: ends with it. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	_exit(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0);
}
