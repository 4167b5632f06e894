import csv
import io
import uuid

from django.db import transaction
from django.shortcuts import get_object_or_404
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import Account, BulkTransfer, IndividualTransfer
from .tasks import process_bulk


class BulkTransfers(APIView):
    parser_classes = [MultiPartParser]

    def post(self, request):
        text = io.TextIOWrapper(request.FILES['file'], encoding='utf-8')
        rows = list(csv.DictReader(text))
        if not rows or any(int(row['amount']) <= 0 for row in rows):
            return Response({'error': 'invalid file'}, status=400)
        total = sum(int(row['amount']) for row in rows)
        with transaction.atomic():
            account = get_object_or_404(
                Account.objects.select_for_update(), account_id=request.data['payer_account']
            )
            if account.balance - account.reserved < total:
                return Response({'error': 'insufficient funds'}, status=400)
            account.reserved += total
            account.save(update_fields=['reserved'])
            bulk = BulkTransfer.objects.create(
                bulk_id=f'bulk-{uuid.uuid4()}',
                payer_account=account,
                total_amount=total,
                currency=rows[0]['currency'],
            )
            IndividualTransfer.objects.bulk_create(
                [
                    IndividualTransfer(
                        transfer_id=row['transferId'],
                        bulk=bulk,
                        payee_party_id_type=row['partyIdType'],
                        payee_party_identifier=row['partyIdentifier'],
                        amount=int(row['amount']),
                        currency=row['currency'],
                    )
                    for row in rows
                ],
                batch_size=1000,
            )
            transaction.on_commit(lambda: process_bulk.delay(bulk.pk))
        return Response({'bulkTransferId': bulk.bulk_id, 'state': bulk.state}, status=201)


class BulkTransferStatus(APIView):
    def get(self, request, bulk_id):
        bulk = get_object_or_404(BulkTransfer, bulk_id=bulk_id)
        transfers = bulk.transfers.values('transfer_id', 'status', 'amount', 'completed_at')
        done = bulk.transfers.filter(status='COMPLETED').count()
        return Response({'state': bulk.state, 'completed': done, 'individualTransfers': list(transfers)})
