/* clock.h: the two clocks of the house, in microseconds. Wall time is for people (it jumps); boot time is for limits
 * and delays (it never does, and it counts suspended time). See clock_gettime(2). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define USEC_PER_SEC  INT64_C(1000000)
#define USEC_PER_MSEC INT64_C(1000)
#define USEC_NEVER    INT64_MAX

int64_t clock_real_usec(void);
int64_t clock_boot_usec(void);

#endif
