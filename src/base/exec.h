/* exec.h: what a client of Exec and who runs its command say to each other, over a SOCK_SEQPACKET socket: the client the
 * number of a signal in each packet, an int32_t; the other side one struct exec_end, when the command has ended or could
 * not be started. The end of the connection without one: whoever ran it is gone, and so is the job.
 */
#ifndef BASE_EXEC_H
#define BASE_EXEC_H

#include <stdint.h>

struct exec_end {
	int32_t status;    /* as wait4(2) has it */
	int32_t error;     /* errno, and it was not started; 0: it was */
	int32_t with_job;  /* it was killed because the job's main process had ended */
	char    about[52]; /* what went wrong on its way, in words; NUL ended */
};

#endif
