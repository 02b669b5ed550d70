# Apus: make builds dist/, make run serves it, make test tests it.

SHELL       := /bin/bash
DIST        ?= dist
BUILD       ?= .build
PREFIX      ?= /usr/local/apus
MODULES     := $(notdir $(patsubst %/,%,$(filter-out Modules/examples/,$(wildcard Modules/*/))))
SWIFT       ?= swift
# Seconds a fuzz target runs, and which ones; the sanitizer, address or thread.
SECONDS     ?= 60
TARGETS     ?=
KIND        ?= address
SWIFT_EXTRA ?=

# The toolchain's own runtime is left out of the search path: dist/lib holds the one that was linked against.
SWIFT_FLAGS := -c release --scratch-path $(BUILD) \
	-Xswiftc -no-toolchain-stdlib-rpath \
	-Xswiftc -Xfrontend -Xswiftc -disable-implicit-concurrency-module-import \
	-Xswiftc -Xfrontend -Xswiftc -disable-implicit-string-processing-module-import \
	-Xlinker -rpath -Xlinker '$$ORIGIN/../lib' $(SWIFT_EXTRA)

.PHONY: all build dist packages certificate run test fuzz sanitize bench compatibility transcripts install clean

all: dist

## packages: installs what the build, the server and its tests need, as far as it is missing.
packages:
	@./tools/packages build

build: packages
	@$(SWIFT) build $(SWIFT_FLAGS)

## dist: the relocatable tree. Files that a process may have mapped are replaced by rename.
dist: build
	@./tools/stage $(BUILD)/release $(DIST) $(MODULES)

certificate: dist
	@./tools/certificate $(DIST)/conf/tls

## run: serves dist/ in the foreground on 8080 and 8443.
run: certificate
	@./tools/serve $(DIST)

## test: every test, after the same set-up.
test:
	@./tools/packages test
	@$(MAKE) --no-print-directory dist
	@./tools/test $(DIST)

## fuzz: runs the fuzz targets for SECONDS each.
fuzz:
	@./tools/fuzz $(SECONDS) $(TARGETS)

## sanitize: runs tests on a build with the sanitizer KIND.
sanitize:
	@./tools/packages test
	@./tools/sanitize $(KIND)

## bench: compares with other servers and writes docs/performance.md. The machine should have nothing else to do.
bench:
	@./tools/packages bench
	@$(MAKE) --no-print-directory dist
	@./bench/compare.py --dist $(DIST) --write

## compatibility: writes the table of httpd's modules and directives anew.
compatibility: dist
	@./tools/compatibility $(DIST) > docs/httpd-compatibility.md

## transcripts: writes the pages that show what authors and operators of modules see anew.
transcripts: dist
	@./tools/transcripts modules $(DIST) > docs/module-transcripts.md
	@./tools/transcripts faults $(DIST) > docs/module-faults.md

## install: copies the tree to PREFIX.
install: dist
	@./tools/install $(DIST) $(DESTDIR)$(PREFIX)

clean:
	rm -rf $(BUILD) $(DIST)
