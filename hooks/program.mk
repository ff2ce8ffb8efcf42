# How hooks/*/Makefile build their program. They set NAME and SOURCES, and may set INCLUDES and ASAN_DEFINES.
# Static: a hook must not load anything, from anywhere, and is started for every container.
CXX      ?= g++
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
COMMON   := -std=c++17 $(WARNINGS) -MMD -MP $(INCLUDES)
HARDEN   := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE -ffunction-sections -fdata-sections
LINK     := -static-pie -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections -s
# Not optimised: that takes six times as long to compile, and the tests run each for milliseconds.
ASAN     := $(ASAN_DEFINES) -O0 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
B        := build

all: $(B)/$(NAME)
# For the tests.
asan: $(B)/$(NAME)-asan

$(B)/$(NAME): $(B)/release.o
	$(CXX) -o $@.tmp $^ $(LINK) && mv -f $@.tmp $@

$(B)/$(NAME)-asan: $(B)/asan.o
	$(CXX) $(ASAN) -o $@ $^

$(B)/release.o: $(B)/unit.cpp Makefile ../program.mk
	$(CXX) $(COMMON) $(HARDEN) -c -o $@ $<

$(B)/asan.o: $(B)/unit.cpp Makefile ../program.mk
	$(CXX) $(COMMON) $(ASAN) -c -o $@ $<

$(B)/unit.cpp: FORCE
	@../../scripts/one-unit.sh $@ $(SOURCES)

clean:
	rm -rf $(B)

FORCE:
.PHONY: all asan clean FORCE
-include $(B)/release.d $(B)/asan.d
