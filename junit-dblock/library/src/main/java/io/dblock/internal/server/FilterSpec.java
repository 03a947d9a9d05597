// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

/**
 * How a device's filters are to be made: plain data.
 *
 * @param seed of all random choices
 * @param volatileCache whether completed writes need a flush to be durable
 * @param cacheLimit bytes of unflushed writes that the cache keeps apart
 * @param journalEntries how many entries the journal keeps, a power of two
 */
public record FilterSpec(long seed, boolean volatileCache, long cacheLimit, int journalEntries) {}
