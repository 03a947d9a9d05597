// SPDX-License-Identifier: Apache-2.0
/**
 * What a device was asked, and what became of it: the {@link io.dblock.journal.Journal} of a device and the entries in
 * it. All entries are plain data.
 */
package io.dblock.journal;
