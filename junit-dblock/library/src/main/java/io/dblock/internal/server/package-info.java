// SPDX-License-Identifier: Apache-2.0
/**
 * Serves devices in this JVM: threads that fetch requests from the kernel, have journal, rules and store handle them, and give
 * the answers. It knows all of a request's way, and nothing of the test.
 */
package io.dblock.internal.server;
