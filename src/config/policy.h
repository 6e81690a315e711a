/* policy.h: what the core is told of a configuration. */
#ifndef CONFIG_POLICY_H
#define CONFIG_POLICY_H

#include "config.h"

/* As it is at that time, which says in what period of budgets. `mem_per_cpu`: bytes, for jobs that ask for no memory where
 * the configuration says nothing of it. *ret points into `accounts`, which was made of config->accounts. */
void policy_fill(const struct config *config, const struct accounts_view *accounts, uint64_t mem_per_cpu, int64_t now_usec, struct core_policy *ret);

enum core_scheduler policy_scheduler(enum config_scheduler scheduler);
bool budget_is_set(const struct config *config);
/* What is spent has a price; without, CPU-hours are spent. */
bool budget_is_priced(const struct config *config);

#endif
