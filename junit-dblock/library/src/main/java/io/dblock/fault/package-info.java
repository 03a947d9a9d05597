// SPDX-License-Identifier: Apache-2.0
/**
 * Fault rules: what of a disk's I/O they match, when, and what happens to it, armed at {@code BlockDevice.faults()}. Rules are
 * plain data, only predicates are code; the package knows {@code handler} and {@code power}.
 */
package io.dblock.fault;
