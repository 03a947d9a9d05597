// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.testcontainers.ContainerEngine.Owner;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Tests of who is to own the directory of a container's data. */
class OwnersTest {
    private static final String PASSWD = "root:x:0:0:root:/root:/bin/bash\npostgres:x:999:998::/:/bin/bash\n";

    private final Map<String, TarEntry> files = new HashMap<>();

    private Owner owner(String user) {
        return Owners.find("/var/lib/data", user, path -> Optional.ofNullable(files.get(path)));
    }

    @Test
    void aDirectoryOfTheImageHasItsOwner() {
        files.put("/var/lib/data", new TarEntry(0700, 70, 71, "", ""));
        assertThat(owner("postgres")).isEqualTo(new Owner(70, 71, 0700));
    }

    @Test
    void anotherDirectoryIsRootsIfTheContainerIs() {
        assertThat(owner("")).isEqualTo(Owner.ROOT);
    }

    @Test
    void anotherDirectoryIsThatOfTheContainersUser() {
        files.put("/etc/passwd", new TarEntry(0644, 0, 0, "", PASSWD));
        assertThat(owner("postgres")).isEqualTo(new Owner(999, 998, 0755));
        assertThat(owner("999")).isEqualTo(new Owner(999, 998, 0755));
        assertThat(owner("postgres:5")).isEqualTo(new Owner(999, 5, 0755));
        assertThat(owner("1000:1001")).isEqualTo(new Owner(1000, 1001, 0755));
        assertThat(owner("1000")).isEqualTo(new Owner(1000, 0, 0755));
    }
}
