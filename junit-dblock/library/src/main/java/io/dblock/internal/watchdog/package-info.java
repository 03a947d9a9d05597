// SPDX-License-Identifier: Apache-2.0
/**
 * Watches for requests that nobody answers, and reports what every process involved was doing. The package knows
 * {@code kernel} and the terms of the packages above it, and nothing of threads that serve.
 */
package io.dblock.internal.watchdog;
