// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;

/** The stream from the guest is not what the guest sent. Its content cannot be trusted from here on. */
final class DamagedStreamException extends IOException {

    private static final long serialVersionUID = 1L;

    DamagedStreamException(String message) {
        super(message);
    }
}
