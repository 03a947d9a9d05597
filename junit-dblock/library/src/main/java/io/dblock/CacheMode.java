// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/** Whether a device reports a volatile write cache. */
public enum CacheMode {
    /** A cache: the kernel sends flushes, and FUA if the device handles it natively. */
    WRITE_BACK,
    /** No cache: a write is durable when it is answered, and the kernel sends neither flush nor FUA. */
    NONE
}
