{{/* A single server with a disk. (dict "root" $ "store" "mongodb" "port" 27017 "container" "…YAML of the container…" "init" "…" "user" 999) */}}
{{- define "tessera.devStore" -}}
{{- $component := printf "dev-%s" .store -}}
{{- $name := printf "%s-%s" (include "tessera.fullname" .root) $component -}}
{{- $scope := dict "root" .root "component" $component "name" $name -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "tessera.metadata" $scope | nindent 2 }}
spec:
  # A replica set and a broker must find themselves before they are ready.
  publishNotReadyAddresses: true
  ports: [{ name: {{ .store }}, port: {{ .port }}, targetPort: {{ .store }} }]
  selector:
    {{- include "tessera.selector" $scope | nindent 4 }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "tessera.metadata" $scope | nindent 2 }}
spec:
  replicas: 1
  serviceName: {{ $name }}
  selector:
    matchLabels:
      {{- include "tessera.selector" $scope | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "tessera.labels" $scope | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ .user }}
        runAsGroup: {{ .user }}
        fsGroup: {{ .user }}
        seccompProfile: { type: RuntimeDefault }
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .init }}
      initContainers:
        {{- . | nindent 8 }}
      {{- end }}
      containers:
        {{- .container | nindent 8 }}
          ports: [{ name: {{ .store }}, containerPort: {{ .port }} }]
          readinessProbe:
            {{- .ready | nindent 12 }}
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
          volumeMounts:
            - { name: data, mountPath: /data }
            - { name: tmp, mountPath: /tmp }
      volumes:
        - name: tmp
          emptyDir: {}
  volumeClaimTemplates:
    - metadata: { name: data }
      spec:
        accessModes: [ReadWriteOnce]
        resources: { requests: { storage: {{ .root.Values.dev.storage }} } }
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tessera.metadata" $scope | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tessera.selector" $scope | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports: [{ port: {{ .store }} }]
      from:
        - podSelector:
            matchLabels:
              {{- include "tessera.selector" (dict "root" .root) | nindent 14 }}
  egress:
    - ports: [{ port: {{ .port }} }]
      to:
        - podSelector:
            matchLabels:
              {{- include "tessera.selector" $scope | nindent 14 }}
{{- end }}
{{- end -}}
