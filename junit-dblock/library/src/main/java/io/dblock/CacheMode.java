// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/** Whether a device says that it has a volatile write cache. */
public enum CacheMode {
    /** It has one: the kernel sends flushes, and FUA if the device answers that natively. */
    WRITE_BACK,
    /** It has none: every write is durable when it is answered, and neither flush nor FUA is ever sent. */
    NONE
}
