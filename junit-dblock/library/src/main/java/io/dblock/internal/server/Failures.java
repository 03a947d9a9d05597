// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import java.util.ArrayList;
import java.util.List;

/** What went wrong with one device, the first hundred. */
final class Failures {
    private static final int MAX = 100;

    private final List<Throwable> list = new ArrayList<>(0);

    /** One for which the list had no room. */
    private Throwable unlisted;

    /** Must not throw: it is called when memory is short, too. */
    synchronized void add(Throwable failure) {
        if (list.size() >= MAX) {
            return;
        }
        try {
            list.add(failure);
        } catch (OutOfMemoryError e) {
            unlisted = failure;
        }
    }

    synchronized List<Throwable> list() {
        if (unlisted != null) {
            list.add(unlisted);
            unlisted = null;
        }
        return List.copyOf(list);
    }
}
