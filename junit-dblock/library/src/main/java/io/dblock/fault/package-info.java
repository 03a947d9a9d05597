// SPDX-License-Identifier: Apache-2.0
/**
 * Fault rules: which I/O of a disk they match, when, and what happens to it. {@code BlockDevice.faults()} arms them.
 * Rules are plain data; only predicates are code. The package knows {@code handler} and {@code power}.
 */
package io.dblock.fault;
