import java.io.OutputStream;
import java.lang.reflect.Field;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.server.DynamoDBProxyServer;

/**
 * Starts DynamoDB Local on loopback only, which has no option for that, and ends
 * with whoever started it: when its input does.
 */
class Launcher {
    public static void main(String[] args) throws Exception {
        DynamoDBProxyServer local = ServerRunner.createServerFromCommandLineArgs(args);
        Field jetty = DynamoDBProxyServer.class.getDeclaredField("server");
        jetty.setAccessible(true);
        ((ServerConnector) ((Server) jetty.get(local)).getConnectors()[0]).setHost("127.0.0.1");
        local.safeStart();
        System.in.transferTo(OutputStream.nullOutputStream());
        System.exit(0);
    }
}
