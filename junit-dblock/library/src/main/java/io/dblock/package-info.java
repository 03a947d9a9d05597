// SPDX-License-Identifier: Apache-2.0
/**
 * Block devices. A test holds a {@link io.dblock.BlockDevice}, which its builder makes from a
 * {@link io.dblock.DeviceSpec}; this works without JUnit. The package knows the API packages below it, and finds the
 * engine through {@link io.dblock.BlockDeviceProvider}.
 */
package io.dblock;
