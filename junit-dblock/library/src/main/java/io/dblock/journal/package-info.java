// SPDX-License-Identifier: Apache-2.0
/**
 * What a device was asked, and what became of it: the {@link io.dblock.journal.Journal} of a device, its entries as plain data,
 * and what is made of them, from text to dm-log-writes. The package knows {@code handler}.
 */
package io.dblock.journal;
