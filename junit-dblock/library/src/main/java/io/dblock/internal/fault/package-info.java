// SPDX-License-Identifier: Apache-2.0
/**
 * Fault rules at work: which of them acts on a request, and how it fails it, tears it, delays it or cuts the power. It knows
 * {@code store} and {@code journal}, and no device.
 */
package io.dblock.internal.fault;
