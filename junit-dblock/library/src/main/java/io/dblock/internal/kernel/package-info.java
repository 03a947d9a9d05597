// SPDX-License-Identifier: Apache-2.0
/**
 * What Linux is asked: the ABI of the module, system calls by JNA, native memory, /proc, mounts and programs. It knows the
 * exceptions and the words of the API, and nothing of devices, rules or tests.
 */
package io.dblock.internal.kernel;
