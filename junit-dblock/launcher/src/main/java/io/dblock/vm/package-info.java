// SPDX-License-Identifier: Apache-2.0
/**
 * The guest: a small machine that can load the module and has the host's file tree. QEMU or User Mode Linux runs it, and
 * {@link io.dblock.vm.JvmHome} has a {@code java} that runs tests in it. The package knows how the library builds the
 * module, and nothing of devices or tests.
 */
package io.dblock.vm;
