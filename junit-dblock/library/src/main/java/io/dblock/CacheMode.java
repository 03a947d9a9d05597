// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/** Whether a device reports a volatile write cache. */
public enum CacheMode {
    /** Not set: the configuration parameter applies, otherwise {@link #WRITE_BACK}. No device has this value. */
    DEFAULT,
    /** A cache: the kernel sends flushes, and FUA if the device handles it natively. */
    WRITE_BACK,
    /** No cache: a write is durable when it is answered, and the kernel sends neither flush nor FUA. */
    NONE
}
