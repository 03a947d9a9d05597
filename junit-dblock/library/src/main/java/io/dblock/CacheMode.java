// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/** Whether a device reports a volatile write cache. */
public enum CacheMode {
    /** As if nothing was said: as a configuration parameter says, else {@link #WRITE_BACK}. No device has this. */
    DEFAULT,
    /** It has one: the kernel sends flushes, and FUA if the device answers that natively. */
    WRITE_BACK,
    /** No cache: a write is durable when it is answered, and the kernel sends neither flush nor FUA. */
    NONE
}
