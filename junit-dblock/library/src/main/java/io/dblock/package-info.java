// SPDX-License-Identifier: Apache-2.0
/**
 * Block devices: {@link io.dblock.BlockDevice} is what a test holds, made by its builder of a {@link io.dblock.DeviceSpec}; this
 * works without JUnit. It knows the API packages below it, and finds the engine by
 * {@link io.dblock.BlockDeviceProvider}.
 */
package io.dblock;
