// SPDX-License-Identifier: Apache-2.0
/**
 * The guest: a small machine in which the module can be loaded and whose file tree is the host's, run by QEMU or User Mode Linux,
 * and the {@code java} that runs tests in it. It knows how the library builds the module, and nothing of devices or tests.
 */
package io.dblock.vm;
