// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.oracle.FaultOracle;
import io.dblock.oracle.PowerOracle;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The models that the filters are compared with in their unit tests, and a real device: through the kernel and its node, with
 * the device's whole image compared byte for byte. The seeds are the same in each run, for
 * the same sources to give the same result, but for one that the property dblock.oracle.seed chooses.
 */
@Timeout(300)
class OracleIT {

    private static final long CHOSEN_SEED = Long.getLong("dblock.oracle.seed", 103);

    // ---- faults ----

    private static final int FAULT_OPERATIONS = 350;
    private static final int FAULT_DISK = 1 << 16;

    @Test
    void whatRulesDoToARealDeviceIsWhatAModelOfTheDiskSays() throws Exception {
        List<Long> seeds = List.of(101L, 102L, CHOSEN_SEED);
        long operations = 0;
        Map<String, Long> hits = new TreeMap<>();
        for (long seed : seeds) {
            boolean large = seed == 102;
            int maxRequest = large ? 1 << 15 : 1 << 13;
            try (RealFaultDisk disk = new RealFaultDisk(FAULT_DISK, large ? 4096 : 512, seed, maxRequest);
                    FaultOracle oracle = new FaultOracle(disk, maxRequest, seed)) {
                try {
                    oracle.run(FAULT_OPERATIONS);
                } catch (AssertionError e) {
                    throw new AssertionError(
                            e.getMessage() + "\nthe device's last requests:\n" + disk.lastRequests(), e);
                }
                operations += oracle.operations();
                oracle.hits().forEach((action, count) -> hits.merge(action, count, Long::sum));
            }
        }
        System.out.println("oracle faults through the kernel: " + operations + " operations, seeds " + seeds
                + ", requests acted on " + hits);
        assertThat(operations).isEqualTo((long) seeds.size() * FAULT_OPERATIONS);
        assertThat(hits).containsOnlyKeys(FaultOracle.allActions());
        // Some are rare; the unit test of the rules makes enough requests for each to have acted.
        assertThat(hits.values().stream().filter(count -> count > 0).count()).isGreaterThan(hits.size() - 4);
    }

    // ---- power ----

    private static final int POWER_OPERATIONS = 200;
    private static final int POWER_DISK = (256 << 10) + 4096;

    @Test
    void whatPowerCutsLeaveOfARealDeviceIsWhatAModelOfTheDiskSays() throws Exception {
        List<Long> seeds = List.of(201L, 202L, CHOSEN_SEED);
        Map<String, Integer> counts = PowerOracle.newCounts();
        for (long seed : seeds) {
            try (RealPowerDisk disk = new RealPowerDisk(POWER_DISK, seed == 202 ? 4096 : 512, seed)) {
                PowerOracle.run(disk, seed, POWER_OPERATIONS, counts);
            }
        }
        System.out.println("oracle power through the kernel: " + seeds.size() * POWER_OPERATIONS
                + " operations and those of the forks, seeds " + seeds + ", " + counts);
        assertThat(counts.keySet())
                .as("what was tried")
                .contains(
                        "WRITE",
                        "WRITE FUA",
                        "FLUSH",
                        "DISCARD",
                        "WRITE_ZEROES",
                        "READ",
                        "cut",
                        "snapshot",
                        "snapshot of a cut",
                        "snapshot closed",
                        "fork",
                        "survivors NONE",
                        "survivors ALL",
                        "survivors PREFIX",
                        "survivors RANDOM",
                        "survivors LIST",
                        "tearing NONE",
                        "tearing LAST",
                        "tearing EACH");
    }
}
