// SPDX-License-Identifier: Apache-2.0
/**
 * Fault rules at work: which rule acts on a request, and how it fails or tears the request, delays it or cuts the
 * power. The package knows {@code store} and {@code journal}, and no device.
 */
package io.dblock.internal.fault;
