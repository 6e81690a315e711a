/* print_env [NAME]: the environment, one a line in its order, or the value of NAME (exit 1 without one). */
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

int main(int argc, char **argv)
{
	if (argc > 1) {
		const char *value = getenv(argv[1]);
		if (value)
			printf("%s\n", value);
		return !value;
	}
	for (char **e = environ; *e; e++)
		printf("%s\n", *e);
	return 0;
}
