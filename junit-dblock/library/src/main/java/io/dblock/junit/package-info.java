// SPDX-License-Identifier: Apache-2.0
/**
 * Block devices for JUnit tests: {@link io.dblock.junit.DblockDevice @DblockDevice} on a field or parameter, or
 * {@link io.dblock.junit.DblockExtension} where a device is described by code. It knows the API and, for the end of a test, what
 * watches over threads that wait for a disk.
 */
package io.dblock.junit;
