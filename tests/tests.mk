# Tests: what is built for them, and how they are run. tests/README.md says how to write one.

TEST_LIBS := $(CLI) $(SIM) $(DAEMON) $(CONFIG) $(ENGINE) $(CORE) $(CLIENT) $(WIRE) $(STORE) $(RUNNER) $(SANDBOX) $(CGROUP) $(BASE)
TEST_LD   := -lcmocka -ljansson -lsqlite3 -lsystemd -lhwloc -lseccomp -lpthread -lm
TEST_DIRS := $(addprefix tests/,unit replay host vm fault fuzz)

# One program for each tests/DIR/test_*.c, linked with what it names in the rooms. They land in BUILD/tests/DIR/.
c_tests  = $(patsubst %.c,$(BUILD)/%,$(wildcard $(addsuffix /test_*.c,$(1))))
UNIT_TESTS := $(call c_tests,tests/unit tests/replay)
REAL_TESTS := $(call c_tests,tests/host tests/vm tests/fault)
PROBES     := $(patsubst %.c,$(BUILD)/%,$(call srcs,tests/probe))
# Each fuzz target with a main that runs it over its corpus: a regression test of what fuzzing found.
FUZZ       := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TESTS := $(FUZZ:%=$(BUILD)/tests/fuzz/%)

.PHONY: tests probes
tests: $(UNIT_TESTS) $(REAL_TESTS) $(FUZZ_TESTS) $(PROBES) ## test programs
probes: $(PROBES)

TEST_OBJS := $(patsubst $(BUILD)/tests/%,$(BUILD)/obj/tests/%.o,$(UNIT_TESTS) $(REAL_TESTS))
$(TEST_OBJS): | $(BUILD)/have-test
.SECONDARY: $(TEST_OBJS)
$(UNIT_TESTS) $(REAL_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(TEST_LD)

$(FUZZ_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/obj/tests/fuzz/replay.o $(TEST_LIBS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(filter-out -lcmocka,$(TEST_LD))

# Small static programs that tests run as jobs: they start fast under emulation.
$(PROBES): $(BUILD)/tests/probe/%: tests/probe/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -O2 -Wall -static -MMD -MP -o $@ $< -lpthread

# Measurements. Two are jobs: without libc, so that what is measured is the launch. What links the rooms says so.
BENCH := $(addprefix $(BUILD)/bench/,floor load nothing first core_scale launch resize)
.PHONY: benches
benches: $(BENCH)
$(BENCH): $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(OPT) -Wall -Werror=int-conversion -I. -Iinclude $(BENCH_FLAGS) -MMD -MP -o $@ $(filter %.c %.a,$^) $(BENCH_LIBS)
$(BENCH): $(BUILD)/bench/%: tests/bench/%.c
$(BUILD)/bench/nothing $(BUILD)/bench/first: BENCH_FLAGS := -static -nostdlib -fno-stack-protector
$(BUILD)/bench/floor: BENCH_LIBS := -lsqlite3
$(BUILD)/bench/core_scale: $(CORE) $(BASE)
$(BUILD)/bench/core_scale: BENCH_LIBS := -lm
$(BUILD)/bench/launch $(BUILD)/bench/resize: $(ENGINE) $(CORE) $(RUNNER) $(SANDBOX) $(CGROUP) $(BASE)
$(BUILD)/bench/launch $(BUILD)/bench/resize: BENCH_LIBS := -lseccomp -lsystemd -lpthread

# ---- running them

.PHONY: check check-full check-build layering bench fault fuzz vm

# In BUILD what users get, for the virtual machine, where sanitizers would cost too much; in BUILD/check the same with
# ASan, UBSan and warnings as errors, for everything that runs here.
check-build:
	+@$(MAKE) --no-print-directory $(JOBS) all tests benches
	+@$(MAKE) --no-print-directory $(JOBS) BUILD=$(BUILD)/check SAN=1 WERROR=1 all tests

check: ## install what is missing, build, run all tests (SUITES="unit cli …" for some; AGAIN=1: what failed once more)
	packaging/deps.sh build test vm
	+@$(MAKE) --no-print-directory check-build
	tests/suite --build $(BUILD) $(if $(AGAIN),--again) $(SUITES)

check-full: ## check, and the tests that take longer
	packaging/deps.sh build test vm full
	+@$(MAKE) --no-print-directory check-build
	+@tests/vm/systemd-root.sh $(BUILD)
	tests/suite --build $(BUILD) --slow $(SUITES)

layering: $(LIBS) $(TEST_LIBS) ## does the code keep to its floor plan?
	@MSCG_BUILD=$(abspath $(BUILD)) tests/layering/layering.t

bench: ## the figures of docs/PERFORMANCE.md, into BUILD/bench (QUICK=1: in 3 minutes; ARGS=…)
	packaging/deps.sh build bench
	+@$(MAKE) --no-print-directory $(JOBS) all benches
	tests/bench/run --build $(BUILD) $(if $(filter 1,$(QUICK)),--quick) $(ARGS)

fault: ## kill, cut, corrupt: the oracle's suites (SUITE=kill-daemon COUNT=2000 SEED=1 ARGS=…)
	packaging/deps.sh build test vm
	+@$(MAKE) --no-print-directory $(JOBS) all tests benches
	MSCG_BUILD=$(abspath $(BUILD)) tests/fault/run $(SUITE) $(COUNT:%=--count %) $(SEED:%=--seed %) $(ARGS)

# Coverage-guided: clang's libFuzzer, T seconds for each target. What it finds new goes to BUILD/fuzz/corpus; what
# breaks a target is left as BUILD/fuzz/crash-…: put it into tests/fuzz/corpus/NAME, where make check runs it.
T ?= 60
ifneq ($(FUZZER),)
FUZZERS := $(FUZZ:%=$(BUILD)/%)
fuzzers: $(FUZZERS)
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/tests/fuzz/%.o $(TEST_LIBS)
	@echo "  LD    $@"
	$(Q)$(CC) -fsanitize=fuzzer -o $@ $^ $(ALL_LDFLAGS) $(filter-out -lcmocka,$(TEST_LD))
endif
fuzz: ## fuzz every parser, T=60 seconds each (FUZZ=fuzz_wire for one)
	@command -v clang >/dev/null || { echo "make: missing: clang. 'packaging/deps.sh test' installs it." >&2; exit 1; }
	+@$(MAKE) --no-print-directory $(JOBS) BUILD=$(BUILD)/fuzz CC=clang SAN=1 CFLAGS='$(CFLAGS) -fsanitize=fuzzer-no-link' \
		FUZZER=1 FUZZ='$(FUZZ)' fuzzers
	@set -e; for f in $(FUZZ); do \
		corpus=tests/fuzz/corpus/$${f#fuzz_}; own=$(BUILD)/fuzz/corpus/$$f; \
		mkdir -p $$own; [ -d $$corpus ] || corpus=; \
		echo "$$f: $(T) s"; \
		$(BUILD)/fuzz/$$f -max_total_time=$(T) -print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/crash-$$f- $$own $$corpus; \
	done

vm: ## a shell in the virtual machine, or CMD='…' there (VMFLAGS="--kernel 6.12 --cpus 2 …")
	@packaging/deps.sh vm
	@tests/vm/run $(VMFLAGS) -- $(if $(CMD),bash -c "$$CMD")
vm: export CMD := $(CMD)
