// SPDX-License-Identifier: Apache-2.0
/**
 * Fault rules: what of a disk's I/O they match, when, and what happens to it. Rules are plain data; only predicates are
 * code. {@code BlockDevice.faults()} is where they are armed.
 */
package io.dblock.fault;
