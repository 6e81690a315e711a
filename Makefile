# mscg: build, test, install. `make help` lists the targets.

VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
ifeq ($(origin CC),default)
CC := gcc
endif

# SAN=1 adds AddressSanitizer and UBSan; WERROR=1 turns warnings into errors (CI). A change of these, of OPT or of
# CFLAGS rebuilds what lies in BUILD: to keep several builds, give each a BUILD of its own.
SAN    ?= 0
WERROR ?= 0
OPT    ?= -O2 -g

PKGS := jansson sqlite3 libsystemd hwloc libseccomp
# Looked up once and only when something is compiled: `make deps` runs without them.
pkg_cflags = $(eval pkg_cflags := $(shell pkg-config --cflags $(PKGS) 2>/dev/null))$(pkg_cflags)

WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef \
        -Wno-missing-field-initializers -Wno-sign-conversion
ifeq ($(WERROR),1)
WARN += -Werror
endif
ifeq ($(SAN),1)
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
HARDEN := -fstack-protector-strong $(if $(filter -O0,$(OPT) $(CFLAGS)),,-D_FORTIFY_SOURCE=2) -fPIC
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DMSCG_VERSION='"$(VERSION)"' $(OPT) $(WARN) $(SANFLAGS) $(HARDEN) -fvisibility=hidden \
             -Iinclude -I. -include src/base/banned.h $(pkg_cflags) $(CPPFLAGS) $(CFLAGS)
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
SANDBOX := $(BUILD)/libsandbox.a
ENGINE  := $(BUILD)/libengine.a
DAEMON  := $(BUILD)/libdaemon.a
CLIENT  := $(BUILD)/libclient.a
CLI     := $(BUILD)/libcli.a
SIM     := $(BUILD)/libsim.a
CONFIG  := $(BUILD)/libconfig.a

ROOMS    := cgroup $(addprefix src/,base core config wire store sandbox runner engine daemon sim lib cli)
PROGRAMS := $(BUILD)/mscg $(BUILD)/mscgd $(BUILD)/mscg-supervise
LIBS     := $(BUILD)/libmscg.a $(BUILD)/libmscg.so $(CGROUP)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all
all: $(PROGRAMS) $(LIBS) tasks ## programs and libraries, in BUILD (build)

$(BASE):   $(call objs,src/base)
$(CGROUP): $(call objs,cgroup) $(call objs,src/base)
$(CORE):   $(call objs,src/core)
$(CONFIG): $(call objs,src/config)
$(WIRE):   $(call objs,src/wire)
$(STORE):  $(call objs,src/store)
$(RUNNER): $(call rest,src/runner)
$(SANDBOX): $(call objs,src/sandbox)
$(ENGINE): $(call objs,src/engine)
$(DAEMON): $(call rest,src/daemon)
$(CLIENT): $(call objs,src/lib)
$(SIM):    $(call objs,src/sim)
$(CLI):    $(call rest,src/cli)

$(BUILD)/%.a: $(BUILD)/files
	$(Q)rm -f $@ && ar rcsD $@ $(filter %.o,$^)

# One object in which all that is hidden is local: a program's own xmalloc or buf_add is none of ours.
$(BUILD)/libmscg.a: $(call objs,src/lib) $(call objs,src/wire) $(call objs,src/base) $(BUILD)/files
	$(Q)$(CC) -r -nostdlib -o $(BUILD)/libmscg.o $(filter %.o,$^) && objcopy --localize-hidden $(BUILD)/libmscg.o
	$(Q)rm -f $@ && ar rcsD $@ $(BUILD)/libmscg.o

$(BUILD)/libmscg.so: $(call objs,src/lib) $(call objs,src/wire) $(call objs,src/base) $(BUILD)/files
	@echo "  LD    $@"
	$(Q)$(CC) -shared -Wl,-soname,libmscg.so.0 $(if $(SANFLAGS),,-Wl,-z,defs) -o $@ $(filter %.o,$^) $(ALL_LDFLAGS) -ljansson
	$(Q)ln -sf libmscg.so $(BUILD)/libmscg.so.0

# A program that starts often starts fast: mscg links only what it calls.
$(BUILD)/mscg: $(BUILD)/obj/src/cli/main.o $(CLI) $(CLIENT) $(WIRE) $(CGROUP) $(SIM) $(CONFIG) $(CORE) $(SANDBOX) $(BASE)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -ljansson -lm

$(BUILD)/mscgd: $(BUILD)/obj/src/daemon/main.o $(DAEMON) $(CONFIG) $(ENGINE) $(CORE) $(WIRE) $(STORE) $(RUNNER) $(SANDBOX) $(CGROUP) $(BASE)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -ljansson -lsqlite3 -lsystemd -lhwloc -lseccomp -lpthread -lm

# One for each running job: static, it has a third less memory of its own. Not with sanitizers, or where there is no static libc.
static_pie = $(if $(SANFLAGS),,$(shell echo 'int main(void) { return 0; }' | $(CC) -static-pie -x c -o /dev/null - 2>/dev/null && echo -static-pie))
$(BUILD)/mscg-supervise: $(BUILD)/obj/src/runner/main.o $(RUNNER) $(BASE)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(static_pie)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(BUILD)/have-build
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.S $(BUILD)/flags | $(BUILD)/have-build
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Compiled in as they are.
$(BUILD)/obj/src/wire/interface.o: $(wildcard src/wire/*.varlink)

# C tasks are programs of users: they see the public headers and libmscg only.
TASKS := $(patsubst tasks/%.c,$(BUILD)/tasks/%,$(call srcs,tasks))
.PHONY: tasks
tasks: $(TASKS)
$(BUILD)/tasks/%: tasks/%.c $(BUILD)/libmscg.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(SANFLAGS) -Iinclude -MMD -MP -o $@ $< $(BUILD)/libmscg.a -ljansson -lpthread -lm

# What the outputs depend on beside files: a change of flags rebuilds everything, a source file that came or went
# makes the archives anew. Both are rewritten only when they differ.
FORCE:
$(BUILD)/flags: FORCE
	@:$(shell mkdir -p $(@D))$(file >$@.new,$(CC) $(VERSION) $(OPT) $(WARN) $(SANFLAGS) $(HARDEN) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS))
	@if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi
$(BUILD)/files: FORCE
	@:$(shell mkdir -p $(@D))$(file >$@.new,$(foreach r,$(ROOMS),$(call srcs,$(r))))
	@if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi

# One line, not a wall of errors, where something is missing.  $(call have,PROGRAMS,PKG-CONFIG NAMES)
have = @missing=; \
	for t in $(1); do command -v $$t >/dev/null || missing="$$missing $$t"; done; \
	for p in $(2); do pkg-config --exists $$p 2>/dev/null || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] || { echo "make: missing:$$missing. 'make deps' installs what is needed (as root or through sudo)." >&2; exit 1; }; \
	mkdir -p $(@D); touch $@
$(BUILD)/have-build: ; $(call have,$(firstword $(CC)) ar pkg-config,$(PKGS))
$(BUILD)/have-test: ; $(call have,prove bats,cmocka)

include tests/tests.mk packaging/install.mk

.PHONY: deps demo man format lint clean distclean help
DEPS ?= build test vm
deps: ## install what building and testing need (DEPS="build test vm bench demo")
	packaging/deps.sh $(DEPS)

# One job a processor, where make was not told otherwise.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

demo: ## elastic jobs that grow and shrink, in real cgroups; installs what is missing
	packaging/deps.sh build demo
	+@$(MAKE) --no-print-directory $(JOBS) all
	BUILD=$(abspath $(BUILD)) tasks/demo

man: $(BUILD)/mscg $(BUILD)/mscgd ## manual pages: what the programs know of themselves, put into docs/man
	docs/man/update $(BUILD)

# What git knows, or would know: nothing that was built.
listed   = $(wildcard $(shell git ls-files -co --exclude-standard -- $(1)))
C_FILES  = $(call listed,'*.c' '*.h')
SCRIPTS  = $(shell awk '/^\#!\/bin\/(ba)?sh/ { print FILENAME } { nextfile }' $(call listed,':!*.c' ':!*.h' ':!*.md'))

format: ## clang-format over all C (FILES=… for some)
	clang-format -i $(or $(FILES),$(C_FILES))

lint: $(BUILD)/compile_commands.json ## clang-tidy and cppcheck over all C (FILES=… for some), shellcheck over all scripts
	@for t in shellcheck cppcheck clang-tidy; do command -v $$t >/dev/null || { echo "make: missing: $$t. 'apt-get install $$t' installs it." >&2; exit 1; }; done
	shellcheck -S warning -e SC1007 -x $(SCRIPTS)
	cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 -Iinclude -I. \
		--suppress=ctunullpointer --suppress=uninitvar --suppress=nullPointerArithmeticRedundantCheck $(filter %.c,$(or $(FILES),$(C_FILES)))
	clang-tidy --quiet -p $(BUILD) $(filter %.c,$(or $(FILES),$(C_FILES)))

# For clang-tidy and editors.
define compile_command
{"directory": "$(CURDIR)", "file": "$(1)", "command": "$(subst ",\",$(CC) $(ALL_CFLAGS) -c $(1))"},

endef
define newline


endef
end := ,$(newline)@END@
.PHONY: compile_commands.json
compile_commands.json: $(BUILD)/compile_commands.json ## for editors
	$(Q)ln -sf $< $@
$(BUILD)/compile_commands.json: $(BUILD)/files $(BUILD)/flags
	@:$(file >$@,$(subst }$(end),}$(newline)],[$(foreach f,$(foreach r,$(ROOMS) $(TEST_DIRS),$(call srcs,$(r))),$(call compile_command,$(f)))@END@))

clean: ## what was built; the kernels that tests/vm fetched stay
	@[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name vm -exec rm -rf {} +

distclean: ## all of BUILD
	rm -rf $(BUILD)

help: ## this list
	@echo 'make [TARGET]… [BUILD=dir] [CC=gcc|clang] [OPT=-O2 -g] [SAN=1] [WERROR=1] [V=1]'
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(filter %akefile %.mk,$(MAKEFILE_LIST)) | awk -F'\t' '{ printf "  %-12s %s\n", $$1, $$2 }'

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/tasks/*.d $(BUILD)/tests/*/*.d)
