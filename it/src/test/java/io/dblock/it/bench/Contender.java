// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import java.io.IOException;
import java.nio.file.Path;

/** A device that is measured; closing removes it. */
interface Contender extends AutoCloseable {

    Path node();

    @Override
    void close() throws IOException;

    /** What removes a device. */
    interface End {
        void run() throws IOException;
    }

    static Contender of(Path node, End end) {
        return new Contender() {
            @Override
            public Path node() {
                return node;
            }

            @Override
            public void close() throws IOException {
                end.run();
            }
        };
    }
}
