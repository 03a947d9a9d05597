// SPDX-License-Identifier: Apache-2.0
/**
 * Block devices for JUnit tests: {@link io.dblock.junit.DblockDevice @DblockDevice} on a field or parameter, or
 * {@link io.dblock.junit.DblockExtension} for a device described by code. The package uses the API and, for the end of
 * a test, the code that watches over threads waiting for a disk.
 */
package io.dblock.junit;
