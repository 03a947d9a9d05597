// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import org.testcontainers.containers.GenericContainer;

/** A container of Testcontainers that is never made. */
final class FakeContainer extends GenericContainer<FakeContainer> {
    private final String image;
    /** Its id; null before it is made. */
    String id;

    FakeContainer(String image) {
        super(image);
        this.image = image;
    }

    FakeContainer withId(String newId) {
        id = newId;
        return this;
    }

    @Override
    public String getContainerId() {
        return id;
    }

    @Override
    public String getDockerImageName() {
        return image;
    }

    @Override
    public void stop() {
        id = null;
    }
}
