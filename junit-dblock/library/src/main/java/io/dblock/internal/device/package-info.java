// SPDX-License-Identifier: Apache-2.0
/**
 * The test JVM's side of a device: it makes, formats, mounts, watches and removes devices, and clears what crashed runs
 * have left. The package implements the API of {@code io.dblock}, and knows {@code server} and {@code remote}.
 */
package io.dblock.internal.device;
