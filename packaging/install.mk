# Installing, from one list: what, with which mode, where to. `uninstall` walks the same list.

bindir        ?= $(PREFIX)/bin
libdir        ?= $(PREFIX)/lib
libexecdir    ?= $(PREFIX)/libexec/mscg
includedir    ?= $(PREFIX)/include
datadir       ?= $(PREFIX)/share
mandir        ?= $(datadir)/man
docdir        ?= $(datadir)/doc/mscg
unitdir       ?= $(PREFIX)/lib/systemd/system
userunitdir   ?= $(PREFIX)/lib/systemd/user
sysusersdir   ?= $(PREFIX)/lib/sysusers.d
tmpfilesdir   ?= $(PREFIX)/lib/tmpfiles.d
bashcompdir   ?= $(datadir)/bash-completion/completions
zshcompdir    ?= $(datadir)/zsh/site-functions
fishcompdir   ?= $(datadir)/fish/vendor_completions.d
# mscgd reads /etc/mscg/mscg.conf wherever it is installed; a file that is there is left alone.
sysconfdir    ?= /etc

MAN := $(wildcard docs/man/*.[1-8])
comp = $(if $(wildcard packaging/completions/$(1)),644:packaging/completions/$(1):$(2))

# MODE:FROM:TO, or link:TARGET:TO. What ends in .in has its @paths@ filled in.
INSTALL := \
	755:$(BUILD)/mscg:$(bindir)/mscg \
	755:$(BUILD)/mscgd:$(bindir)/mscgd \
	755:$(BUILD)/mscg-supervise:$(libexecdir)/mscg-supervise \
	644:$(BUILD)/libmscg.a:$(libdir)/libmscg.a \
	644:$(BUILD)/libmscg-cgroup.a:$(libdir)/libmscg-cgroup.a \
	644:$(BUILD)/libmscg.so:$(libdir)/libmscg.so.$(VERSION) \
	link:libmscg.so.$(VERSION):$(libdir)/libmscg.so.0 \
	link:libmscg.so.0:$(libdir)/libmscg.so \
	644:packaging/pkgconfig/mscg.pc.in:$(libdir)/pkgconfig/mscg.pc \
	644:packaging/pkgconfig/mscg-cgroup.pc.in:$(libdir)/pkgconfig/mscg-cgroup.pc \
	$(foreach h,$(filter-out %/action.h,$(wildcard include/mscg/*.h)),644:$(h):$(includedir)/mscg/$(notdir $(h))) \
	644:src/wire/io.mscg.varlink:$(datadir)/mscg/io.mscg.varlink \
	$(foreach m,$(MAN),644:$(m):$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) \
	$(call comp,mscg.bash,$(bashcompdir)/mscg) \
	$(call comp,_mscg,$(zshcompdir)/_mscg) \
	$(call comp,mscg.fish,$(fishcompdir)/mscg.fish) \
	$(foreach u,$(wildcard packaging/systemd/system/*),644:$(u):$(unitdir)/$(basename $(notdir $(u)))) \
	$(foreach u,$(wildcard packaging/systemd/user/*),644:$(u):$(userunitdir)/$(basename $(notdir $(u)))) \
	755:packaging/systemd/mscg-keeper:$(libexecdir)/mscg-keeper \
	644:packaging/sysusers.d/mscg.conf:$(sysusersdir)/mscg.conf \
	644:packaging/tmpfiles.d/mscg.conf:$(tmpfilesdir)/mscg.conf \
	644:packaging/systemd/delegate.conf:$(docdir)/examples/delegate.conf \
	644:packaging/mscg.conf:$(docdir)/examples/mscg.conf \
	644:LICENSE:$(docdir)/LICENSE \
	$(foreach t,$(wildcard tasks/*.py tasks/*.c),644:$(t):$(docdir)/examples/$(t)) \
	$(foreach t,$(filter-out %.py %.c %.md %/demo,$(wildcard tasks/*)),755:$(t):$(docdir)/examples/$(t))

FILL = sed $(foreach v,bindir libdir libexecdir includedir,-e 's|@$(v)@|$($(v))|g') -e 's|@version@|$(VERSION)|g'

.PHONY: install install-files uninstall deb
install: all install-files ## to DESTDIR and PREFIX (/usr/local)

install-files:
	@set -e; umask 022; for entry in $(INSTALL); do \
		mode=$${entry%%:*}; to=$(DESTDIR)$${entry##*:}; from=$${entry#*:}; from=$${from%:*}; \
		case $$mode:$$from in \
		link:*) ln -sfn "$$from" "$$to" ;; \
		*.in) install -d "$${to%/*}"; $(FILL) "$$from" >"$$to.new"; chmod $$mode "$$to.new"; mv "$$to.new" "$$to" ;; \
		*) install -D -m $$mode "$$from" "$$to" ;; \
		esac; \
	done
	@conf=$(DESTDIR)$(sysconfdir)/mscg/mscg.conf; [ -e "$$conf" ] || install -D -m 644 packaging/mscg.conf "$$conf"
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true
	@echo "installed under $(DESTDIR)$(PREFIX)"

uninstall: ## what install put there; the configuration only if nobody changed it
	@for entry in $(INSTALL); do \
		to=$(DESTDIR)$${entry##*:}; rm -f "$$to"; \
		rmdir -p --ignore-fail-on-non-empty "$${to%/*}" 2>/dev/null || true; \
	done
	@conf=$(DESTDIR)$(sysconfdir)/mscg/mscg.conf; cmp -s packaging/mscg.conf "$$conf" && rm -f "$$conf" && \
		rmdir --ignore-fail-on-non-empty "$${conf%/*}" || true

# dpkg-buildpackage wants debian/ at the top, and a tree that it may write to.
DEB := $(BUILD)/deb/mscg-$(VERSION)
deb: ## Debian packages, in BUILD/deb (needs debhelper)
	@command -v dh >/dev/null || { echo "make: missing: debhelper. 'apt-get install debhelper' installs it." >&2; exit 1; }
	rm -rf $(BUILD)/deb && mkdir -p $(DEB)
	git ls-files -co --exclude-standard | tar -c -T - | tar -x -C $(DEB)
	cp -r packaging/debian $(DEB)/debian
	cd $(DEB) && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS dpkg-buildpackage -us -uc -b
	@ls $(BUILD)/deb/*.deb
