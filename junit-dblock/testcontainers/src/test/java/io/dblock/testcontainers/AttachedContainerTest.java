// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.ExposedPort;
import com.github.dockerjava.api.model.PortBinding;
import com.github.dockerjava.api.model.Ports;
import com.github.dockerjava.api.model.SELContext;
import io.dblock.BlockDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.containers.GenericContainer;

/** Tests of what a container with disks is made with, and of what is looked at when it has started. */
class AttachedContainerTest {
    @TempDir
    Path filesystem;

    @TempDir
    Path proc;

    @TempDir
    Path sys;

    private final List<String> log = new ArrayList<>();
    private final FakeEngine engine = new FakeEngine(log);
    private final FakeContainer container = new FakeContainer("postgres:17");
    private final FakeCommand command = new FakeCommand("postgres:17");
    private BlockDevice disk;
    private AttachedContainer attached;

    @BeforeEach
    void aContainerOfThisUser() throws Exception {
        disk = FakeDisk.of("dblock0", log, Optional.of(filesystem));
        attached = new AttachedContainer(container, engine, new MountTable(proc, sys));
        // Only root can give a directory away.
        engine.owner = new ContainerEngine.Owner(
                (Integer) Files.getAttribute(filesystem, "unix:uid"),
                (Integer) Files.getAttribute(filesystem, "unix:gid"),
                0700);
        command.command = new String[] {"postgres", "-c", "fsync=off"};
    }

    private ContainerDisk data() {
        return ContainerDisk.of(disk);
    }

    private void mount(ContainerDisk data, String path) {
        attached.add(new DiskUse(data, DiskUse.Kind.DIRECTORY, Optional.ofNullable(path)));
    }

    private void make() {
        attached.start();
        attached.configure(command.command());
    }

    // ---- the disk ----

    @Test
    void theDatabaseHasADirectoryOfTheDiskAtItsUsualPlace() throws Exception {
        mount(data(), null);
        make();
        assertThat(command.host().getBinds())
                .singleElement()
                .returns(filesystem.resolve("data").toString(), Bind::getPath)
                .returns("/var/lib/postgresql/data", bind -> bind.getVolume().getPath())
                .returns(AccessMode.rw, Bind::getAccessMode)
                .returns(SELContext.shared, Bind::getSecMode);
        assertThat(log).containsExactly("owner of /var/lib/postgresql/data in postgres:17");
        assertThat((Integer) Files.getAttribute(filesystem.resolve("data"), "unix:mode") & 07777)
                .isEqualTo(0700);
    }

    @Test
    void anyContainerHasADirectoryWhereItWantsIt() {
        mount(data().directory("ledger/primary"), "/var/ledger");
        make();
        assertThat(filesystem.resolve("ledger/primary")).isDirectory();
        assertThat(command.host().getBinds())
                .extracting(bind -> bind.getVolume().getPath())
                .containsExactly("/var/ledger");
    }

    @Test
    void aDirectoryThatIsThereKeepsItsOwner() throws Exception {
        Files.createDirectory(filesystem.resolve("data"));
        mount(data(), null);
        make();
        assertThat(log).isEmpty();
    }

    @Test
    void theBindsOfTheTestStay() {
        command.host().withBinds(Bind.parse("/a:/b"));
        mount(data(), null);
        make();
        assertThat(command.host().getBinds()).hasSize(2);
    }

    @Test
    void aContainerHasTheDeviceItself() {
        attached.add(new DiskUse(data(), DiskUse.Kind.DEVICE, Optional.of("/dev/ledger")));
        make();
        assertThat(command.host().getDevices())
                .singleElement()
                .returns("/dev/dblock0", com.github.dockerjava.api.model.Device::getPathOnHost)
                .returns("/dev/ledger", com.github.dockerjava.api.model.Device::getPathInContainer)
                .returns("rwm", com.github.dockerjava.api.model.Device::getcGroupPermissions);
        assertThat(command.host().getBinds()).isEmpty();
    }

    @Test
    void aDeviceWithoutAFilesystemHasNoDirectory() {
        disk = FakeDisk.of("dblock0", log, Optional.empty());
        mount(data(), null);
        assertThatThrownBy(attached::start)
                .hasMessageContaining("dblock0 has no filesystem")
                .hasMessageContaining("deviceIn(container, path)");
    }

    @Test
    void itIsNotKnownWhereAnUnknownDatabaseKeepsItsData() {
        mount(data(), null);
        attached.start();
        assertThatThrownBy(() -> attached.configure(new FakeCommand("company/ledger:3").command()))
                .hasMessageContaining("It is not known where the container keeps its data")
                .hasMessageContaining("mountIn(container, path)");
    }

    @Test
    void theDirectoryOfARunningContainerIsNotGivenToAnother() {
        DiskUse one = new DiskUse(data(), DiskUse.Kind.DIRECTORY, Optional.of("/a"));
        DiskUse same = new DiskUse(data(), DiskUse.Kind.DIRECTORY, Optional.of("/b"));
        DiskUse other = new DiskUse(data().directory("other"), DiskUse.Kind.DIRECTORY, Optional.of("/a"));
        one.open();
        same.open();
        other.open();
        assertThat(one.sharesDirectory(same)).isTrue();
        assertThat(one.sharesDirectory(other)).isFalse();
    }

    @Test
    void withoutAnEngineNothingIsMountedAndTheReasonIsSaid() {
        engine.unavailable = new IllegalStateException("No container engine can be used.");
        mount(
                ContainerDisk.of(() -> {
                    throw new AssertionError("the disk is not asked for");
                }),
                null);
        assertThatThrownBy(attached::start).isSameAs(engine.unavailable);
    }

    // ---- ports ----

    @Test
    void aPortThatMayBeAnyIsOneThatStays() {
        command.host()
                .withPortBindings(
                        new PortBinding(Ports.Binding.empty(), ExposedPort.tcp(5432)),
                        new PortBinding(Ports.Binding.empty(), ExposedPort.tcp(8008)),
                        new PortBinding(Ports.Binding.bindPort(15432), ExposedPort.tcp(5433)));
        mount(data(), null);
        make();
        Map<ExposedPort, Ports.Binding[]> ports =
                command.host().getPortBindings().getBindings();
        assertThat(ports.get(ExposedPort.tcp(5433)))
                .extracting(Ports.Binding::getHostPortSpec)
                .containsExactly("15432");
        String first = ports.get(ExposedPort.tcp(5432))[0].getHostPortSpec();
        String second = ports.get(ExposedPort.tcp(8008))[0].getHostPortSpec();
        assertThat(Integer.parseInt(first)).isBetween(1024, 65535);
        assertThat(second).isNotEqualTo(first);
    }

    // ---- settings ----

    @Test
    void settingsAreTurnedOn() {
        mount(data(), null);
        make();
        assertThat(command.command)
                .containsExactly(
                        "postgres", "-c", "fsync=on", "-c", "full_page_writes=on", "-c", "synchronous_commit=on");
    }

    @Test
    void settingsOfTheImageAreTurnedOn() {
        engine.image = new ContainerEngine.Image(
                new Launch(List.of("postgres"), Map.of("PGDATA", "/var/lib/postgresql/18/docker", "LANG", "C")), "");
        command.command = new String[0];
        command.environment = new String[] {"POSTGRES_DB=test"};
        mount(data(), null);
        make();
        assertThat(command.command).startsWith("postgres", "-c", "fsync=on");
        assertThat(command.host().getBinds())
                .extracting(bind -> bind.getVolume().getPath())
                .containsExactly("/var/lib/postgresql/18/docker");
        assertThat(command.environment).containsExactly("POSTGRES_DB=test");
    }

    @Test
    void aDatabaseIsToldOfAnotherPlaceInItsEnvironment() {
        command.environment = new String[] {"POSTGRES_DB=test"};
        mount(data(), "/ledger");
        make();
        assertThat(command.environment).containsExactlyInAnyOrder("POSTGRES_DB=test", "PGDATA=/ledger");
    }

    @Test
    void settingsAreLeftIfTheyAreMeantToBeAsTheyAre() {
        mount(data().durability(Durability.AS_CONFIGURED), null);
        make();
        assertThat(command.command).containsExactly("postgres", "-c", "fsync=off");
    }

    @Test
    void anUnsafeSettingIsRefusedIfThatIsAskedFor() {
        mount(data().durability(Durability.REQUIRED), null);
        assertThatThrownBy(this::make)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("The container postgres:17 does not start: with fsync=off, POSTGRESQL")
                .hasMessageContaining("durability(TURNED_ON)")
                .hasMessageContaining("durability(AS_CONFIGURED)");
    }

    @Test
    void safeSettingsAreNotRefused() {
        command.command = new String[] {"postgres"};
        mount(data().durability(Durability.REQUIRED), null);
        make();
        assertThat(command.command).containsExactly("postgres");
    }

    @Test
    void anUnknownDatabaseIsRefusedOnlyIfThatIsAskedFor() {
        FakeCommand unknown = new FakeCommand("company/ledger:3");
        mount(data(), "/var/ledger");
        attached.start();
        assertThatCode(() -> attached.configure(unknown.command())).doesNotThrowAnyException();
        mount(data().durability(Durability.REQUIRED).directory("log"), "/var/log");
        attached.start();
        assertThatThrownBy(() -> attached.configure(unknown.command()))
                .hasMessageContaining("it is not known which settings of it are unsafe")
                .hasMessageContaining("POSTGRESQL, MYSQL");
    }

    @Test
    void aDatabaseThatIsNamedIsKnown() {
        FakeCommand unknown = new FakeCommand("company/ledger:3");
        unknown.command = new String[] {"postgres", "-c", "fsync=off"};
        mount(data().database(Database.POSTGRESQL), null);
        attached.start();
        attached.configure(unknown.command());
        assertThat(unknown.command).contains("fsync=on");
    }

    @Test
    void whatCannotBeTurnedOnIsRefused() {
        command.command = new String[] {"sh", "-c", "exec postgres -F"};
        mount(data(), null);
        assertThatThrownBy(this::make)
                .hasMessageContaining(
                        "The container postgres:17 does not start: what POSTGRESQL acknowledges may be lost")
                .hasMessageContaining("[sh, -c, exec postgres -F]")
                .hasMessageContaining("durability(AS_CONFIGURED)");
    }

    // ---- after it has started ----

    private FakeEngine.Container started() throws Exception {
        mount(data(), null);
        make();
        container.id = "0123456789abcdef";
        FakeEngine.Container running = engine.add(container.id);
        running.launch = new Launch(List.of(command.command), Map.of());
        Files.createDirectories(sys.resolve("dblock0"));
        Files.writeString(sys.resolve("dblock0/dev"), "252:0\n");
        return running;
    }

    private void mounted(String path) throws Exception {
        Files.createDirectories(proc.resolve("100"));
        Files.writeString(
                proc.resolve("100/mountinfo"), "700 600 252:0 /data " + path + " rw - ext4 /dev/dblock0 rw\n");
    }

    @Test
    void aContainerThatHasTheDiskIsFine() throws Exception {
        started();
        mounted("/var/lib/postgresql/data");
        assertThatCode(attached::check).doesNotThrowAnyException();
    }

    @Test
    void aContainerThatDoesNotHaveTheDiskIsRefused() throws Exception {
        started();
        mounted("/elsewhere");
        assertThatThrownBy(attached::check)
                .hasMessageContaining("The container postgres:17 (0123456789ab) does not have dblock0 at"
                        + " /var/lib/postgresql/data")
                .hasMessageContaining("mount namespace");
    }

    @Test
    void aSettingThatTheTestHasTurnedOffLaterIsRefused() throws Exception {
        FakeEngine.Container running = started();
        mounted("/var/lib/postgresql/data");
        running.launch = new Launch(List.of("postgres", "-c", "fsync=off"), Map.of());
        assertThatThrownBy(attached::check).hasMessageContaining("does not start: with fsync=off");
    }

    // ---- flushes ----

    @Test
    void aFlushBeforeTheDatabaseWasReadyProvesNothing() throws Exception {
        FakeEngine.Container running = started();
        FakeDisk.behind(disk).flush();
        running.startedAt = Instant.EPOCH;
        running.lines.add(new ContainerEngine.Line(
                Instant.now().plusSeconds(1), "LOG:  database system is ready to accept connections"));
        assertThatThrownBy(attached::requireFlushed)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("Nothing was flushed to [dblock0] since The container postgres:17 (0123456789ab)"
                        + " was ready")
                .hasMessageContaining("its settings keep it from flushing");
    }

    @Test
    void aFlushSinceTheDatabaseWasReadyProvesSomething() throws Exception {
        FakeEngine.Container running = started();
        running.startedAt = Instant.EPOCH;
        running.lines.add(new ContainerEngine.Line(
                Instant.now().minusSeconds(1), "LOG:  database system is ready to accept connections"));
        assertThatThrownBy(attached::requireFlushed).isInstanceOf(AssertionError.class);
        FakeDisk.behind(disk).flush();
        assertThatCode(attached::requireFlushed).doesNotThrowAnyException();
        running.lines.add(new ContainerEngine.Line(
                Instant.now().plusSeconds(60), "LOG:  database system is ready to accept connections"));
        assertThatCode(attached::requireFlushed).as("once is enough").doesNotThrowAnyException();
    }

    @Test
    void nothingHasToBeFlushedIfThatIsMeantToBeSo() throws Exception {
        mount(data().durability(Durability.AS_CONFIGURED), null);
        make();
        container.id = "c";
        engine.add("c");
        assertThatCode(attached::requireFlushed).doesNotThrowAnyException();
    }

    // ---- of Testcontainers ----

    @Test
    void aContainerIsAttachedOnceHoweverManyDisksItHas() {
        GenericContainer<?> plain = new GenericContainer<>("company/ledger:3");
        ContainerDisk data = data();
        assertThat(data.mountIn(plain, "/data")).isSameAs(plain);
        assertThat(data.directory("log").mountIn(plain, "/log")).isSameAs(plain);
        assertThat(plain.getDependencies()).hasSize(1);
        assertThat(AttachedContainer.of(plain)).isSameAs(AttachedContainer.of(plain));
    }

    @Test
    void aContainerThatHasBeenStartedGetsNoDisk() {
        container.id = "0123456789abcdef";
        assertThatThrownBy(() -> data().mountIn(container))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("The container postgres:17 has been started");
    }
}
