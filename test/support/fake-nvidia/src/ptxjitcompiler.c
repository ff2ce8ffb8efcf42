/* Present so that the injected set looks like a driver's; it compiles nothing. */
__attribute__((visibility("default"))) int __ptxjit_fake(void) { return 0; }
