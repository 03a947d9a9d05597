// SPDX-License-Identifier: Apache-2.0
/**
 * Block devices for JUnit tests: {@link io.dblock.junit.DblockDevice @DblockDevice} on a field or parameter, or
 * {@link io.dblock.junit.DblockExtension} where a device is described by code.
 */
package io.dblock.junit;
