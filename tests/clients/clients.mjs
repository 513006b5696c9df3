// The clients of Node as they come from the package registry: node clients.mjs NAME URL KEY ACCOUNT NUMBER. None is patched.
const [name, url, key, account, number] = process.argv.slice(2);
const booked = [...Array(Number(number)).keys()].map((each) => ({ interview: `i${each}` }));
const email = "sato@aozora.example.jp", company = "株式会社青空";

const ways = {
  async segment() {
    const { Analytics } = await import("@segment/analytics-node");
    const client = new Analytics({ writeKey: key, host: url, path: "/v1/batch", maxRetries: 5 });
    const context = { groupId: account };
    client.identify({ userId: "sato", traits: { email }, context });
    client.group({ userId: "sato", groupId: account, traits: { name: company } });
    for (const properties of booked) client.track({ userId: "sato", event: "Interview Booked", properties });
    client.page({ userId: "sato", name: "home", properties: { page: "home" } });
    client.screen({ userId: "sato", name: "home", properties: { page: "home" } });
    client.alias({ userId: "sato-2", previousId: "sato" });
    await client.closeAndFlush();
  },
  async rudderstack() {
    const { default: Analytics } = await import("@rudderstack/rudder-sdk-node");
    const client = new Analytics(key, { dataPlaneUrl: url, flushAt: 10, gzip: true });
    client.identify({ userId: "sato", traits: { email } });
    client.group({ userId: "sato", groupId: account, traits: { name: company } });
    for (const properties of booked) client.track({ userId: "sato", event: "Interview Booked", properties });
    client.page({ userId: "sato", name: "home", properties: { page: "home" } });
    client.screen({ userId: "sato", name: "home", properties: { page: "home" } });
    client.alias({ userId: "sato-2", previousId: "sato" });
    await client.flush();
  },
  async posthog() {
    const { PostHog } = await import("posthog-node");
    const client = new PostHog(key, { host: url, flushAt: 10, fetchRetryDelay: 100, disableGeoip: true, featureFlagsPollingInterval: 0 });
    const groups = { company: account };
    client.identify({ distinctId: "sato", properties: { email } });
    client.groupIdentify({ groupType: "company", groupKey: account, properties: { name: company }, distinctId: "sato" });
    for (const properties of booked) client.capture({ distinctId: "sato", event: "Interview Booked", properties, groups });
    client.alias({ distinctId: "sato-2", alias: "sato" });
    await client.shutdown();
  },
};
await ways[name]();
