// SPDX-License-Identifier: Apache-2.0
/**
 * Serves devices in this JVM: its threads fetch requests from the kernel, pass them through journal, rules and write cache to
 * the store or handler, and give the answers. The package knows the whole way of a request, and nothing of the test.
 */
package io.dblock.internal.server;
