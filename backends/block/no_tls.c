// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libnbd without the libraries that it would take along for TLS and for names of servers, and that
 * Debian has no static form of: a worker speaks over a socket that it is given, to a qemu-nbd of
 * its own, which reaches servers elsewhere for it. What is here is never called.
 */
#include <stdlib.h>

#define NEVER(name) \
	__attribute__((noreturn)) void name(void); \
	void name(void) \
	{ \
		abort(); \
	}

NEVER(gnutls_bye)
NEVER(gnutls_certificate_allocate_credentials)
NEVER(gnutls_certificate_free_credentials)
NEVER(gnutls_certificate_set_x509_crl_file)
NEVER(gnutls_certificate_set_x509_key_file)
NEVER(gnutls_certificate_set_x509_system_trust)
NEVER(gnutls_certificate_set_x509_trust_file)
NEVER(gnutls_cipher_get)
NEVER(gnutls_cipher_get_key_size)
NEVER(gnutls_cipher_get_name)
NEVER(gnutls_credentials_set)
NEVER(gnutls_deinit)
NEVER(gnutls_error_is_fatal)
NEVER(gnutls_handshake)
NEVER(gnutls_handshake_get_last_in)
NEVER(gnutls_handshake_get_last_out)
NEVER(gnutls_handshake_set_timeout)
NEVER(gnutls_init)
NEVER(gnutls_kx_get)
NEVER(gnutls_kx_get_name)
NEVER(gnutls_mac_get)
NEVER(gnutls_mac_get_key_size)
NEVER(gnutls_mac_get_name)
NEVER(gnutls_priority_set_direct)
NEVER(gnutls_psk_allocate_client_credentials)
NEVER(gnutls_psk_free_client_credentials)
NEVER(gnutls_psk_set_client_credentials)
NEVER(gnutls_record_check_pending)
NEVER(gnutls_record_get_direction)
NEVER(gnutls_record_recv)
NEVER(gnutls_record_send)
NEVER(gnutls_server_name_set)
NEVER(gnutls_session_set_verify_cert)
NEVER(gnutls_strerror)
NEVER(gnutls_transport_is_ktls_enabled)
NEVER(gnutls_transport_set_int2)
NEVER(xmlFreeURI)
NEVER(xmlParseURI)
NEVER(xmlSaveUri)
NEVER(xmlURIUnescapeString)
NEVER(getaddrinfo)
NEVER(freeaddrinfo)
