// SPDX-License-Identifier: Apache-2.0
/**
 * Watches over requests that nobody answers, and says what everybody involved was doing. It knows {@code kernel} and the
 * words of the packages above it in a request's way, and nothing of threads that serve.
 */
package io.dblock.internal.watchdog;
