import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

import org.apache.kerby.kerberos.kerb.identity.backend.AbstractIdentityBackend;
import org.apache.kerby.kerberos.kerb.identity.backend.BackendConfig;
import org.apache.kerby.kerberos.kerb.request.KrbIdentity;
import org.apache.kerby.kerberos.kerb.server.KdcConfig;
import org.apache.kerby.kerberos.kerb.server.KdcConfigKey;
import org.apache.kerby.kerberos.kerb.server.KdcServer;
import org.apache.kerby.kerberos.kerb.type.base.EncryptionKey;
import org.apache.kerby.kerberos.kerb.type.base.EncryptionType;

/**
 * Apache Kerby's KDC over TCP on one loopback address, its principals read from a file that may change as it runs.
 *
 * <p>Arguments: REALM HOST PORT FILE TICKET_HOURS. Each line of FILE is "principal keyVersion key", the key for
 * aes256-cts-hmac-sha1-96 in hexadecimal. Kerby's own file backend is not on Maven Central beside its server.
 */
public final class Kdc {
    private Kdc() {
    }

    public static void main(String[] args) throws Exception {
        Keys.file = Path.of(args[3]);
        KdcConfig config = new KdcConfig();
        config.setBoolean(KdcConfigKey.PREAUTH_REQUIRED, true);
        config.setString(KdcConfigKey.ENCRYPTION_TYPES, "aes256-cts-hmac-sha1-96");
        config.setLong(KdcConfigKey.MAXIMUM_TICKET_LIFETIME, 3600L * Long.parseLong(args[4]));
        BackendConfig backend = new BackendConfig();
        backend.setString(KdcConfigKey.KDC_IDENTITY_BACKEND, Keys.class.getName());
        KdcServer server = new KdcServer(config, backend);
        server.setKdcRealm(args[0]);
        server.setKdcHost(args[1]);
        server.setKdcTcpPort(Integer.parseInt(args[2]));
        server.setAllowUdp(false);
        server.setAllowTcp(true);
        server.init();
        server.start();
        new CountDownLatch(1).await();
    }

    /** The principals of the file, read again whenever it was replaced. */
    public static final class Keys extends AbstractIdentityBackend {
        static Path file;
        private Map<String, KrbIdentity> known = Map.of();
        private FileTime read;

        private synchronized Map<String, KrbIdentity> known() {
            try {
                FileTime written = Files.getLastModifiedTime(file);
                if (!written.equals(read)) {
                    known = load();
                    read = written;
                }
                return known;
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        private static Map<String, KrbIdentity> load() throws IOException {
            Map<String, KrbIdentity> found = new LinkedHashMap<>();
            for (String line : Files.readAllLines(file)) {
                String[] parts = line.split(" ");
                KrbIdentity identity = new KrbIdentity(parts[0]);
                int version = Integer.parseInt(parts[1]);
                byte[] key = HexFormat.of().parseHex(parts[2]);
                identity.setKeyVersion(version);
                identity.addKey(new EncryptionKey(EncryptionType.AES256_CTS_HMAC_SHA1_96, key, version));
                found.put(parts[0], identity);
            }
            return found;
        }

        @Override
        protected Iterable<String> doGetIdentities() {
            return known().keySet();
        }

        @Override
        protected KrbIdentity doGetIdentity(String principal) {
            return known().get(principal);
        }

        @Override
        protected KrbIdentity doAddIdentity(KrbIdentity identity) {
            throw new UnsupportedOperationException("principals are added to the file");
        }

        @Override
        protected KrbIdentity doUpdateIdentity(KrbIdentity identity) {
            throw new UnsupportedOperationException("principals are changed in the file");
        }

        @Override
        protected void doDeleteIdentity(String principal) {
            throw new UnsupportedOperationException("principals are removed from the file");
        }
    }
}
