// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.DblockException;

/** A guest could not be prepared or started. The message says what was asked, what was found and what to do. */
public final class VmException extends DblockException {

    private static final long serialVersionUID = 1L;

    VmException(String message) {
        super(message);
    }

    VmException(String message, Throwable cause) {
        super(message, cause);
    }
}
