// SPDX-License-Identifier: Apache-2.0
/**
 * The interface to Linux: the ABI of the module, system calls by JNA, native memory, /proc, mounts and programs. The
 * package knows the exceptions and terms of the API, and nothing of devices, rules or tests.
 */
package io.dblock.internal.kernel;
