// SPDX-License-Identifier: Apache-2.0
/**
 * The {@link io.dblock.journal.Journal} of a device: what the device was asked and what became of it. It has the
 * entries as plain data, and writes them in several formats, from text to dm-log-writes. The package knows
 * {@code handler}.
 */
package io.dblock.journal;
