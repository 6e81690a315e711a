# mscg: build, test, install. `make help` lists the targets.

VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

# SAN=1 adds AddressSanitizer and UBSan; WERROR=1 turns warnings into errors (CI).
SAN    ?= 0
WERROR ?= 0
OPT    ?= -O2 -g

PKGS     := jansson sqlite3 libsystemd hwloc libseccomp
# Looked up once and only when something is compiled: `make deps` runs without them.
pkg_cflags = $(eval pkg_cflags := $(shell pkg-config --cflags $(PKGS)))$(pkg_cflags)

WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef \
        -Wno-missing-field-initializers -Wno-sign-conversion
ifeq ($(WERROR),1)
WARN += -Werror
endif
ifeq ($(SAN),1)
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DMSCG_VERSION='"$(VERSION)"' $(OPT) $(WARN) $(SANFLAGS) $(HARDEN) -fvisibility=hidden \
             -Iinclude -I. -include src/base/banned.h $(pkg_cflags) $(CFLAGS)
ALL_LDFLAGS = -Wl,--as-needed -Wl,-z,relro,-z,now $(SANFLAGS) $(LDFLAGS)

srcs = $(sort $(wildcard $(1)/*.c))
objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(call srcs,$(1)))
rest = $(filter-out %/main.o,$(call objs,$(1)))

# Rooms and the archives they make. The order is the link order: who uses comes before what is used.
BASE    := $(BUILD)/libbase.a
CGROUP  := $(BUILD)/libmscg-cgroup.a
CORE    := $(BUILD)/libcore.a
WIRE    := $(BUILD)/libwire.a
STORE   := $(BUILD)/libstore.a
RUNNER  := $(BUILD)/librunner.a
ENGINE  := $(BUILD)/libengine.a
DAEMON  := $(BUILD)/libdaemon.a
CLIENT  := $(BUILD)/libclient.a
CLI     := $(BUILD)/libcli.a

PROGRAMS := $(BUILD)/mscg $(BUILD)/mscgd $(BUILD)/mscg-supervise
LIBS     := $(BUILD)/libmscg.a $(BUILD)/libmscg.so $(CGROUP)

.DEFAULT_GOAL := all
.PHONY: all
all: $(PROGRAMS) $(LIBS) tasks

$(BASE):   $(call objs,src/base)
$(CGROUP): $(call objs,cgroup) $(call objs,src/base)
$(CORE):   $(call objs,src/core)
$(WIRE):   $(call objs,src/wire)
$(STORE):  $(call objs,src/store)
$(RUNNER): $(call rest,src/runner)
$(ENGINE): $(call objs,src/engine)
$(DAEMON): $(call rest,src/daemon)
$(CLIENT): $(call objs,src/lib)
$(CLI):    $(call rest,src/cli)
$(BUILD)/libmscg.a: $(call objs,src/lib) $(call objs,src/wire) $(call objs,src/base)

$(BUILD)/%.a:
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(BUILD)/libmscg.so: $(call objs,src/lib) $(call objs,src/wire) $(call objs,src/base)
	@echo "  LD    $@"
	$(Q)$(CC) -shared -Wl,-soname,libmscg.so.0 -o $@ $^ $(ALL_LDFLAGS) -ljansson

# A program that starts often starts fast: mscg links only what it calls.
$(BUILD)/mscg: $(BUILD)/obj/src/cli/main.o $(CLI) $(CLIENT) $(WIRE) $(BASE)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -ljansson

$(BUILD)/mscgd: $(BUILD)/obj/src/daemon/main.o $(DAEMON) $(ENGINE) $(CORE) $(WIRE) $(STORE) $(RUNNER) $(CGROUP) $(BASE)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -ljansson -lsqlite3 -lsystemd -lhwloc -lpthread

$(BUILD)/mscg-supervise: $(BUILD)/obj/src/runner/main.o $(RUNNER) $(BASE)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Compiled in as they are.
$(BUILD)/obj/src/wire/interface.o: $(wildcard src/wire/*.varlink)

$(BUILD)/obj/%.o: %.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# C tasks are programs of users: they see the public headers and libmscg only.
TASKS := $(patsubst tasks/%.c,$(BUILD)/tasks/%,$(call srcs,tasks))
.PHONY: tasks
tasks: $(TASKS)
$(BUILD)/tasks/%: tasks/%.c $(BUILD)/libmscg.a
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(SANFLAGS) -Iinclude -MMD -MP -o $@ $< $(BUILD)/libmscg.a -ljansson -lpthread -lm

# Unit tests: one program a module, each linked with what it names in the rooms.
TEST_LIBS  := $(DAEMON) $(ENGINE) $(CORE) $(CLIENT) $(WIRE) $(STORE) $(RUNNER) $(CGROUP) $(BASE)
UNIT_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(call srcs,tests/unit) $(call srcs,tests/replay))
VM_HELPERS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(call srcs,tests/vm) $(call srcs,tests/probe))
.PHONY: tests
tests: $(UNIT_TESTS) $(VM_HELPERS)
$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcmocka -ljansson -lsqlite3 -lsystemd -lhwloc -lpthread -lm
$(BUILD)/tests/replay/%: $(BUILD)/obj/tests/replay/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcmocka -ljansson -lsqlite3 -lsystemd -lhwloc -lpthread -lm

# Small static programs that tests run as jobs: they start fast under emulation.
$(BUILD)/tests/probe/%: tests/probe/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE -O2 -Wall -static -MMD -MP -o $@ $< -lpthread
$(BUILD)/tests/vm/%: tests/vm/%.c $(CGROUP) $(RUNNER) $(BASE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $(BUILD)/tests/vm/$*.d -o $@ $< $(CGROUP) $(RUNNER) $(BASE) $(ALL_LDFLAGS) -lcmocka -lpthread

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: clean
clean:
	rm -rf $(BUILD)
