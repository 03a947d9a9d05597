// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

/**
 * The settings of a device's filters, as plain data.
 *
 * @param seed the seed of all random choices
 * @param volatileCache whether completed writes need a flush to be durable
 * @param cacheLimit how much the write cache holds at most, in bytes
 * @param journalEntries how many entries the journal keeps, a power of two
 */
public record FilterSpec(long seed, boolean volatileCache, long cacheLimit, int journalEntries) {}
